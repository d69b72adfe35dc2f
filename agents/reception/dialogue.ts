// What the reception of a coffee counter understands and answers: pure text in, text out.

/** What callers may say, for the recogniser. */
export const RECEPTION_GRAMMAR = `#JSGF V1.0;
grammar reception;
public <turn> = [<greeting>] (<order> | <hours> | <repeat> | <stop> | <thanks> | <goodbye>) | <greeting>;
<order> = [i would like | i will have | can i have | could i have | please give me] <item> [and <item>] [and <item>] [please];
<item> = <count> (coffee | coffees | green tea | green teas | croissant | croissants);
<count> = a | one | two | three | four | five | six;
<hours> = what are your opening hours | when do you open | when do you close | when are you open;
<repeat> = [can you | could you] [please] (repeat that | say that again) [please];
<stop> = stop | please stop | stop please | that is enough | never mind;
<greeting> = hello | good morning | good afternoon;
<thanks> = thank you [very much];
<goodbye> = goodbye | bye bye | thank you goodbye;
`;

export const GREETING = "Good morning. This is the coffee counter. What would you like?";

const HOURS =
  "We are open every day of the week from eight in the morning until six in the evening. " +
  "On Saturday we open at nine and close at five. On Sunday we are closed. " +
  "You can order at any time and pick it up at the counter.";

/** Euros apiece. */
const MENU = { coffee: 3, "green tea": 2, croissant: 4 } as const;
type Item = keyof typeof MENU;

const COUNTS = ["no", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten"];
const TENS = ["", "", "twenty", "thirty", "forty", "fifty", "sixty", "seventy", "eighty", "ninety"];
const TEENS = [
  "eleven",
  "twelve",
  "thirteen",
  "fourteen",
  "fifteen",
  "sixteen",
  "seventeen",
  "eighteen",
  "nineteen",
];

type Intent = "order" | "hours" | "repeat" | "stop" | "greeting" | "thanks" | "goodbye" | "unknown";

/** What a conversation remembers. */
export interface Memory {
  /** What was said last, for those who ask again. */
  lastReply: string;
}

export interface Reply {
  intent: Intent;
  text: string;
}

/** Answers what somebody said. */
export function replyTo(said: string, memory: Memory): Reply {
  const text = said.toLowerCase().replaceAll(/[^a-z ]+/g, " ");
  const order = readOrder(text);
  if (order.length > 0) return { intent: "order", text: describeOrder(order) };
  if (/\b(opening hours|(do|are) you (open|close))\b/.test(text)) return { intent: "hours", text: HOURS };
  if (/\b(repeat|again)\b/.test(text)) return { intent: "repeat", text: memory.lastReply || GREETING };
  if (/\b(stop|enough|never mind)\b/.test(text)) return { intent: "stop", text: "All right." };
  if (/\b(goodbye|bye)\b/.test(text)) return { intent: "goodbye", text: "Thank you for calling. Goodbye." };
  if (/\bthank you\b/.test(text)) return { intent: "thanks", text: "You are welcome." };
  if (/\b(hello|good morning|good afternoon)\b/.test(text)) return { intent: "greeting", text: GREETING };
  return { intent: "unknown", text: "Sorry, I did not understand that." };
}

function readOrder(text: string): { item: Item; count: number }[] {
  const matches = text.matchAll(/\b(a|one|two|three|four|five|six) (coffee|green tea|croissant)s?\b/g);
  return [...matches].map(([, count, item]) => ({
    item: item as Item,
    count: count === "a" ? 1 : COUNTS.indexOf(count!),
  }));
}

function describeOrder(order: readonly { item: Item; count: number }[]): string {
  const things = order.map(({ item, count }) => `${COUNTS[count]} ${item}${count === 1 ? "" : "s"}`);
  const euros = order.reduce((sum, { item, count }) => sum + MENU[item] * count, 0);
  const list = things.length === 1 ? things[0]! : `${things.slice(0, -1).join(", ")} and ${things.at(-1)}`;
  return `${list[0]!.toUpperCase()}${list.slice(1)}. That is ${spellNumber(euros)} euros.`;
}

/** 0 to 99 in words, as people hear them. */
function spellNumber(value: number): string {
  if (value <= 10) return COUNTS[value]!;
  if (value < 20) return TEENS[value - 11]!;
  const ones = value % 10;
  return ones === 0 ? TENS[Math.floor(value / 10)]! : `${TENS[Math.floor(value / 10)]} ${COUNTS[ones]}`;
}
