/** Operators, groups or widgets side by side. */
import { LoadingNote } from "../parts/states.tsx";

export function CompareView() {
  return <LoadingNote />;
}
