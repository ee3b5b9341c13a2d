import { index, type RouteConfig, route } from "@react-router/dev/routes";

export default [
  index("routes/home.tsx"),
  route("about", "routes/about.tsx"),
  route("login", "routes/login.ts"),
  route("notes", "routes/notes.ts"),
  route("logout", "routes/logout.ts"),
  route("devices", "routes/devices.ts"),
  route("misuses", "routes/misuses.ts"),
  route("me", "routes/me.ts"),
] satisfies RouteConfig;
