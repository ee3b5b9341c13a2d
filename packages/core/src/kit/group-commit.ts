import type { Batch } from "./batch.js";
import type { Answer, Call } from "./call.js";
import { TimeSlice } from "./time-slice.js";

/**
 * Carries out calls of a batch at once, on the event loop, for one slice of time: for a backend that then makes all of
 * them durable by one write. What is left forms the next batch.
 *
 * @param isFull Whether to take no more calls, asked after each.
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
