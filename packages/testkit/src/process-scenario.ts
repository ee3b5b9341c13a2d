/** Scenarios of `child-process.ts`. */
export type Scenario = "ends by itself" | "is collected" | "is collected while onError refers to it";
