import { session } from "../../lib/sessions";
import { viewOf } from "../../lib/view";

export async function GET() {
  return Response.json(await viewOf(await session()));
}
