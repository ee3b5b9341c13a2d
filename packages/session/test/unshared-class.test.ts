import { IncomingMessage, ServerResponse } from "node:http";
import { Socket } from "node:net";
import express from "express";
import { describe, expect, it } from "vitest";
import { prepareToExtend } from "../src/http/unshared-class.js";

const request = () => new IncomingMessage(new Socket());

describe("preparing messages to be extended", () => {
  it.each([
    ["a response of Express", () => Object.setPrototypeOf(new ServerResponse(request()), express.response)],
    ["a request of Express", () => Object.setPrototypeOf(request(), express.request)],
    ["a response of node:http", () => new ServerResponse(request())],
    [
      "a frozen response of Express",
      () => Object.freeze(Object.setPrototypeOf(new ServerResponse(request()), express.response)),
    ],
    ["a request of fetch", () => new Request("http://127.0.0.1/")],
    ["any object", () => ({ sendDate: true, aborted: false })],
  ])("leaves the properties of %s as they were", (_, make) => {
    const message = make() as object;
    const before = Object.getOwnPropertyDescriptors(message);
    prepareToExtend(message);
    expect(Object.getOwnPropertyDescriptors(message)).toEqual(before);
  });
});
