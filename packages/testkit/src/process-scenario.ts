/** What a check tests in a process of its own: that a store does not keep it alive, or that a dropped store is collected. */
export type Scenario = "ends by itself" | "is collected" | "is collected while onError refers to it";
