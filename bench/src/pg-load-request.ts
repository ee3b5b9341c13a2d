export const OPERATIONS = ["find", "update", "insert", "delete"] as const;
export type LoadOperation = (typeof OPERATIONS)[number];

export interface LoadRequest {
  contender: string;
  sessions: number;
  size: number;
  inFlight: number;
  /** Whether statements are counted, which costs the server something: then times are not to be used. */
  counts: boolean;
}

export interface Load {
  perSecond: number;
  /** For 1,000 operations. */
  statements: number;
  /** Processor time of the server, all its processes, and of Node.js, for one operation. */
  serverMicros: number;
  nodeMicros: number;
  medianMs: number;
  p99Ms: number;
}

export type LoadResult = Partial<Record<LoadOperation, Load>>;
