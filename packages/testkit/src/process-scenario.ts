/** What `child-process.ts` can do with the store that a module opens. */
export type Scenario = "ends by itself" | "is collected" | "is collected while onError refers to it";
