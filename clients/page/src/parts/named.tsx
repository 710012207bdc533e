/** A name as people read it, its id behind it: on one line, cut where it is too long, whole in its title. */
import type { Label } from "../format/labels.ts";

/** The name and its id in one text, where there is no room for two. */
export const fullText = ({ text, id }: Label): string => (id && id !== text ? `${text} (${id})` : text);

/** Names in any direction of writing: each is isolated, so that it does not turn round what stands beside it. */
export function Named({ label }: { readonly label: Label }) {
  return (
    <span class="named" title={fullText(label)}>
      <bdi class="name">{label.text}</bdi>
      {label.id && label.id !== label.text && <bdi class="id">{label.id}</bdi>}
    </span>
  );
}
