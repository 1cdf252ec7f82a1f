// What a browser calls itself, as people call it.
const SYSTEMS: [RegExp, string][] = [[/iPhone|iPad/, "iOS"], [/Android/, "Android"], [/Windows/, "Windows"], [/Mac OS X/, "macOS"], [/Linux|X11/, "Linux"]];
const BROWSERS: [RegExp, string][] = [[/Edg\//, "Edge"], [/OPR\//, "Opera"], [/Firefox\//, "Firefox"], [/Chrom(e|ium)\//, "Chrome"], [/Safari\//, "Safari"]];

const first = (list: [RegExp, string][], agent: string) => list.find(([sign]) => sign.test(agent))?.[1];

/** "Firefox, Linux"; of a program its first word. */
export const browserOf = (agent: string): string =>
  [first(BROWSERS, agent) ?? (agent.split(/[/ ]/)[0] || "?"), first(SYSTEMS, agent)].filter(Boolean).join(", ");
