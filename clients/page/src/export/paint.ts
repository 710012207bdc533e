/** An element of the page as a picture: its grounds, borders, texts and canvases, as they stand on the screen. */

/** What is not for taking along: it says how to use the page, or repeats the chart. */
const LEFT_OUT = ".hidden, details, label.menu, .readout, .export";

export interface PictureParts {
  /** Each on a line of its own above the picture; the first is the title. */
  readonly heading: readonly string[];
  readonly element: HTMLElement;
}

const MARGIN = 20;
const TITLE_PX = 18;
const LINE_PX = 13;
/** At least so many pixels of the picture for one of the page: it is looked at enlarged, and printed. */
const RATIO_MIN = 2;

const isThere = (colour: string): boolean => colour !== "transparent" && !/, 0\)$/.test(colour);

function paintGround(
  context: CanvasRenderingContext2D,
  element: Element,
  style: CSSStyleDeclaration,
  origin: DOMRect,
): void {
  const { left, top, width, height } = element.getBoundingClientRect();
  const [x, y] = [left - origin.left, top - origin.top];
  if (isThere(style.backgroundColor)) {
    context.fillStyle = style.backgroundColor;
    context.fillRect(x, y, width, height);
  }
  const border = parseFloat(style.borderBottomWidth);
  if (border > 0 && isThere(style.borderBottomColor)) {
    context.fillStyle = style.borderBottomColor;
    context.fillRect(x, y + height - border, width, border);
  }
}

/** At its place; a word that is broken over lines letter by letter. */
function paintWord(context: CanvasRenderingContext2D, node: Text, start: number, word: string, origin: DOMRect): void {
  const range = document.createRange();
  range.setStart(node, start);
  range.setEnd(node, start + word.length);
  const rects = range.getClientRects();
  const letters = rects.length > 1 ? [...word] : [];
  if (letters.length > 1) {
    let at = start;
    for (const letter of letters) {
      paintWord(context, node, at, letter, origin);
      at += letter.length;
    }
  } else if (rects[0]) {
    const { left, top, height } = rects[0];
    context.fillText(word, left - origin.left, top + height / 2 - origin.top);
  }
}

/** Word by word, so that lines break where they do on the screen. */
function paintText(context: CanvasRenderingContext2D, node: Text, style: CSSStyleDeclaration, origin: DOMRect): void {
  context.font = `${style.fontStyle} ${style.fontWeight} ${style.fontSize} ${style.fontFamily}`;
  context.fillStyle = style.color;
  context.textBaseline = "middle";
  for (const word of node.data.matchAll(/\S+/g)) paintWord(context, node, word.index, word[0], origin);
}

function paint(context: CanvasRenderingContext2D, element: Element, origin: DOMRect): void {
  if (element.matches(LEFT_OUT)) return;
  const style = getComputedStyle(element);
  if (style.display === "none" || style.visibility === "hidden") return;
  paintGround(context, element, style, origin);
  if (element instanceof HTMLCanvasElement) {
    const { left, top, width, height } = element.getBoundingClientRect();
    context.drawImage(element, left - origin.left, top - origin.top, width, height);
  }
  for (const child of element.childNodes) {
    if (child instanceof Element) paint(context, child, origin);
    else if (child instanceof Text) paintText(context, child, style, origin);
  }
}

/** The picture as a PNG, on a solid ground. */
export function pictureOf({ heading, element }: PictureParts): Promise<Blob | null> {
  const style = getComputedStyle(document.documentElement);
  const colour = (name: string) => style.getPropertyValue(name).trim();
  const ratio = Math.max(RATIO_MIN, devicePixelRatio);
  const origin = element.getBoundingClientRect();
  const top = MARGIN + TITLE_PX + (heading.length - 1) * (LINE_PX + 6) + 16;
  const canvas = document.createElement("canvas");
  canvas.width = Math.ceil((origin.width + 2 * MARGIN) * ratio);
  canvas.height = Math.ceil((top + origin.height + MARGIN) * ratio);
  const context = canvas.getContext("2d");
  if (!context) return Promise.resolve(null);
  context.scale(ratio, ratio);
  context.fillStyle = colour("--card");
  context.fillRect(0, 0, canvas.width, canvas.height);
  context.textBaseline = "top";
  heading.forEach((line, place) => {
    context.font = place === 0 ? `600 ${TITLE_PX}px ${style.fontFamily}` : `${LINE_PX}px ${style.fontFamily}`;
    context.fillStyle = colour(place === 0 ? "--text" : "--muted");
    context.fillText(line, MARGIN, place === 0 ? MARGIN : MARGIN + TITLE_PX + 8 + (place - 1) * (LINE_PX + 6));
  });
  context.translate(MARGIN, top);
  paint(context, element, origin);
  return new Promise((resolve) => canvas.toBlob(resolve, "image/png"));
}
