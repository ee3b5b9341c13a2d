// A module of a store that waits at its top for what never comes, as one that awaits a server which is not there.
await new Promise(() => undefined);
