/** One metric, in every way it can be looked at. */
import { LoadingNote } from "../parts/states.tsx";

export function MetricView() {
  return <LoadingNote />;
}
