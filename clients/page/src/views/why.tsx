/** The conversations and events behind a number. */
import { LoadingNote } from "../parts/states.tsx";

export function WhyView() {
  return <LoadingNote />;
}
