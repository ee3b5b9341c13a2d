import { createCookie, createRequestHandler, createSession, type LoaderFunctionArgs } from "react-router";
import { reactRouterSessionStorage } from "../../src/react-router.js";
import { answer, Gates, type Host, running } from "../fixtures/host.js";
import { serve } from "../fixtures/serve.js";

/** Returns a server build with one resource route, in the format of React Router's compiler. */
function buildOf(loader: (args: LoaderFunctionArgs) => Promise<Response>): never {
  return {
    entry: { module: { default: () => new Response() } },
    routes: { all: { id: "all", path: "*", module: { loader } } },
    assets: { routes: { all: { id: "all", path: "*", module: "", hasLoader: true } }, version: "1", url: "" },
    publicPath: "/",
    assetsBuildDirectory: "",
    future: {},
    ssr: true,
    isSpaMode: false,
    prerender: [],
    routeDiscovery: { mode: "initial", manifestPath: "/__manifest" },
  } as never;
}

export const reactRouter: Host = {
  name: "React Router",
  cookie: "__session",
  tellsOfFailedSaves: true,
  regenerates: false,
  async start(store, options) {
    const gates = new Gates();
    const cookie = createCookie("__session", {
      secrets: ["a secret"],
      httpOnly: true,
      sameSite: "lax",
      path: "/",
    });
    const storage = reactRouterSessionStorage({ cookie, createSession }, store, options);
    const handle = createRequestHandler(
      buildOf(async ({ request }) => {
        const session = await storage.getSession(request.headers.get("cookie"));
        let ended: string | undefined;
        const before = await answer(
          request.url,
          {
            values: () => session.data,
            set: (key, value) => session.set(key, value),
            remove: (key) => session.unset(key),
            end: async () => {
              ended = await storage.destroySession(session);
            },
          },
          gates,
        );
        const isChanged = Object.keys(session.data).length > 0 || session.id !== "";
        const header = ended ?? (isChanged ? await storage.commitSession(session) : undefined);
        return Response.json(before, header === undefined ? {} : { headers: { "set-cookie": header } });
      }),
    );
    const { url, close } = await serve(async (req, res) => {
      const request = new Request(`http://host${req.url}`, { headers: { cookie: req.headers.cookie ?? "" } });
      const response = await handle(request);
      res.writeHead(response.status, { "set-cookie": response.headers.getSetCookie() });
      res.end(await response.text());
    });
    return running(url, gates, close);
  },
};
