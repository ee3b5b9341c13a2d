// A store module with a top-level await that never ends, as for a missing server.
await new Promise(() => undefined);
