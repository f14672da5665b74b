/** Elements from code. Text is always a text node: nothing of the data is ever read as HTML. */

type Child = Node | string | number | null | undefined | false;
type Listener = (event: any) => void;
type Props = Record<string, string | number | boolean | Listener | undefined>;

function add(parent: Node, children: (Child | Child[])[]): void {
  for (const child of children.flat()) {
    if (child === null || child === undefined || child === false) continue;
    parent.appendChild(child instanceof Node ? child : document.createTextNode(String(child)));
  }
}

function set(element: Element, props: Props): void {
  for (const [name, value] of Object.entries(props)) {
    if (value === undefined || value === false) continue;
    if (typeof value === "function") element.addEventListener(name, value);
    else element.setAttribute(name, value === true ? "" : String(value));
  }
}

/** An element with attributes (functions are listeners) and children (strings become text). */
export function h<K extends keyof HTMLElementTagNameMap>(
  tag: K,
  props: Props = {},
  ...children: (Child | Child[])[]
): HTMLElementTagNameMap[K] {
  const element = document.createElement(tag);
  set(element, props);
  add(element, children);
  return element;
}

export function replace(element: Element, ...children: (Child | Child[])[]): void {
  element.textContent = "";
  add(element, children);
}

/** A labelled choice. `options` are their names; the value is the place in the list. */
export function choice(label: string, options: string[], chosen: number, changed: (index: number) => unknown): HTMLElement {
  const select = h("select", { change: () => changed(Number(select.value)) });
  options.forEach((name, index) => {
    select.append(h("option", { value: index, selected: index === chosen }, name));
  });
  return h("label", { class: "field" }, h("span", {}, label), select);
}

export function button(label: string, clicked: Listener, props: Props = {}): HTMLButtonElement {
  return h("button", { type: "button", click: clicked, ...props }, label);
}

/** Tells a screen reader without moving the focus. */
export function announce(text: string): void {
  const region = document.getElementById("live");
  if (region) region.textContent = text;
}

let ids = 0;
export function uniqueId(prefix: string): string {
  ids += 1;
  return `${prefix}-${ids}`;
}
