import "reflect-metadata";
import {
  Controller,
  createParamDecorator,
  ForbiddenException,
  Get,
  type INestApplication,
  Injectable,
  Module,
  Param,
  Post,
  Req,
  Session,
  UseGuards,
} from "@nestjs/common";
import { NestFactory } from "@nestjs/core";
import { FastifyAdapter } from "@nestjs/platform-fastify";
import { type SessionManager, Session as SessionOf } from "@scs/session";
import { sessionGuard, sessionValue, useSessions } from "@scs/session/nest";

interface Values {
  userId: string;
  count: number;
}

const SessionValue = createParamDecorator(sessionValue);
const LoggedIn = sessionGuard<Values>((session) => session.has("userId"));
const Admin = sessionGuard<Values>(
  async (session) => session.get("userId") === "admin",
  () => new ForbiddenException(),
);

@Injectable()
class Counter {
  next(session: SessionOf<Values>): number {
    const count = (session.get("count") ?? 0) + 1;
    session.set("count", count);
    return count;
  }
}

@Controller()
class AppController {
  readonly counter: Counter;

  constructor(counter: Counter) {
    this.counter = counter;
  }

  @Get()
  who(@Session() session: SessionOf<Values>): string {
    return session.get("userId") ?? "nobody";
  }

  @Post("login")
  login(@Session() session: SessionOf<Values>): string {
    session.renew();
    session.set("userId", "u1");
    return "welcome";
  }

  @Post("logout")
  logout(@Req() { session }: { session: SessionOf<Values> }): string {
    session.destroy();
    return "bye";
  }

  @Post("broken")
  broken(@Session() session: SessionOf<Values>): void {
    session.destroy();
    throw new Error("broken");
  }

  @Post("count")
  @UseGuards(LoggedIn)
  count(@Session() session: SessionOf<Values>): string {
    return String(this.counter.next(session));
  }

  @Get("set/:key")
  set(@Session() session: SessionOf<Record<string, boolean>>, @Param("key") key: string): string {
    session.set(key, true);
    return "kept";
  }

  @Get("keys")
  keys(@Session() session: SessionOf<Values>): string[] {
    return [...session.keys()];
  }

  @Get("me")
  @UseGuards(LoggedIn)
  me(@SessionValue("userId") userId: string, @SessionValue() session: SessionOf<Values>): string {
    return `${userId} ${session instanceof SessionOf}`;
  }

  @Get("admin")
  @UseGuards(Admin)
  admin(): string {
    return "admin";
  }
}

@Module({ controllers: [AppController], providers: [Counter] })
class AppModule {}

/** Creates the app as its `main.ts` would; without `sessions`, as if they had been forgotten. */
export async function createApp(
  platform: "express" | "fastify",
  sessions: SessionManager<Values> | undefined,
): Promise<INestApplication> {
  const options = { logger: false } as const;
  const app = await (platform === "express"
    ? NestFactory.create(AppModule, options)
    : NestFactory.create(AppModule, new FastifyAdapter(), options));
  if (sessions !== undefined) await useSessions(app, sessions);
  await app.listen(0, "127.0.0.1");
  return app;
}
