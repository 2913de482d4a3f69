/** A labelled value for people; lists and blocks are indented below their label. Absent values are left out. */
export type KeyValue = readonly [label: string, value: KeyValueContent | undefined];
export type KeyValueContent = string | number | readonly string[] | { readonly block: readonly KeyValue[] };

/** Lines with aligned colons. */
export function formatKeyValues(rows: readonly KeyValue[], indent = '  '): string[] {
  const present = rows.filter((row): row is [string, KeyValueContent] => row[1] !== undefined);
  const width = Math.max(0, ...present.map(([label]) => label.length));
  return present.flatMap(([label, value]) => {
    const head = `${indent}${label.padEnd(width)}:`;
    if (typeof value === 'string' || typeof value === 'number') return [`${head} ${value}`];
    if ('block' in value) return [head, ...formatKeyValues(value.block, `${indent}  `)];
    return [`${head} (${value.length})`, ...value.map((item) => `${indent}  - ${item}`)];
  });
}
