import pg from "pg";
import { makeApp } from "./with-scs.js";

const { DATABASE_URL: connectionString, SESSION_SECRET: secret = "a secret of this example" } = process.env;
const app = await makeApp(new pg.Pool({ connectionString }), secret);
const server = app.listen(Number(process.env.PORT ?? 3000), "127.0.0.1", () => {
  console.log(`http://127.0.0.1:${server.address().port}`);
});
