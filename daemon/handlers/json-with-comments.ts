/** JSON as editors write it: with comments and commas behind the last member. @throws SyntaxError where it is none. */
export function parseJsonWithComments(text: string): unknown {
  return JSON.parse(withoutTrailingCommas(withoutComments(text)));
}

/** A string, a comment of one line, a comment of several, or any other character. */
const commentTokens = /"(?:[^"\\]|\\.)*"|\/\/[^\n]*|\/\*[\s\S]*?\*\//g;
const commaTokens = /"(?:[^"\\]|\\.)*"|,(?=\s*[}\]])/g;

function withoutComments(text: string): string {
  return text.replace(/^\uFEFF/, '').replace(commentTokens, (token) => (token.startsWith('"') ? token : ' '));
}

function withoutTrailingCommas(text: string): string {
  return text.replace(commaTokens, (token) => (token.startsWith('"') ? token : ''));
}
