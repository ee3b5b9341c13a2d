import type { Batch } from "./batch.js";
import type { Answer, Call } from "./call.js";
import { TimeSlice } from "./time-slice.js";

/**
 * Executes calls of a batch synchronously for one slice of time, for a backend that then makes all of them durable by one
 * write. The remaining calls form the next batch.
 *
 * @param isFull Called after each call; `true` ends the batch.
 */
export function decideBatch(
  batch: Batch,
  decide: (call: Call) => Answer,
  isFull: () => boolean = () => false,
): Answer[] {
  const slice = new TimeSlice();
  const answers: Answer[] = [];
  for (const call of batch) {
    answers.push(decide(call));
    if (slice.isOver || isFull()) break;
  }
  return answers;
}
