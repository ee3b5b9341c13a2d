import { startInspector } from "../inspector/inspector.js";
import type { Output } from "../output.js";
import type { Target } from "../stores/target.js";

/** Serves the inspector until Ctrl-C. */
export async function inspect(target: Target, port: number, output: Output): Promise<void> {
  const inspector = await startInspector(target, { port });
  await output.result(
    { url: inspector.url },
    () => `${inspector.url}\nEverybody who knows this address can see all sessions. Ctrl-C stops the page.`,
  );
  await new Promise<void>((resolve) => process.once("SIGINT", resolve).once("SIGTERM", resolve));
  await inspector.close();
}
