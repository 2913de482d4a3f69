import { redactText } from '#base/node/logger-redaction.ts';

/** What a value that must not be seen is called, anywhere in a longer name. */
const secretWords =
  'token|password|passwd|secret|authorization|credential|cookie|private[-_]?key|client[-_]?key|certificate-data|api[-_]?key|access[-_]?key|connection[-_]?string';

const name = `[\\w.-]*(?:${secretWords})[\\w.-]*`;

/** `"name": "value"`, as JSON has it, also within a string. */
const quotedMember = new RegExp(`((\\\\*["'])${name}\\2\\s*:\\s*\\2)((?:(?!\\2).)+)`, 'gi');
/** `name=value`, as environments, addresses and structured logs have it. */
const assignment = new RegExp(`((?:^|[^\\w.-])${name}=)("(?:[^"\\\\]|\\\\.)*"|'[^']*'|[^\\s,;&"']+)`, 'gi');
/** A line of YAML that is nothing else. */
const yamlMember = new RegExp(`^(\\s*(?:- )?["']?${name}["']?:\\s+)(?!["']?(?:true|false|null|\\d+)["']?\\s*$)\\S+\\s*$`, 'i');
const header = /\b((?:proxy-)?authorization:\s*|(?:set-)?cookie:\s*)(?!\[redacted\]).+/gi;
const userInfo = /(:\/\/[^\s/:@]+:)[^\s/@]+@/g;
const keyBegin = /-----BEGIN [A-Z ]*PRIVATE KEY-----/;
const keyInLine = /-----BEGIN [A-Z ]*PRIVATE KEY-----.*?(?:-----END [A-Z ]*PRIVATE KEY-----|$)/g;
const keyEnd = /-----END [A-Z ]*PRIVATE KEY-----/;

/** Most lines have none of these, and cost one look. */
const suspicious = new RegExp(`${secretWords}|bearer|eyJ|://|PRIVATE KEY`, 'i');

const redacted = '[redacted]';

/** A value of which nothing but its name says that it is secret. */
export const secretName = new RegExp(secretWords, 'i');

/**
 * Takes secrets out of the lines of one log, in their order: tokens, credentials in headers and addresses, private keys (which may span
 * lines), and values whose names say what they are. The same for what is shown and for what is exported.
 */
export function createRedactor(): (line: string) => string {
  let isInKey = false;
  return (line) => {
    if (isInKey) {
      if (keyEnd.test(line)) isInKey = false;
      return redacted;
    }
    if (!suspicious.test(line)) return line;
    if (keyBegin.test(line) && !keyEnd.test(line)) isInKey = true;
    return redactText(line)
      .replace(keyInLine, redacted)
      .replace(header, `$1${redacted}`)
      .replace(userInfo, `$1${redacted}@`)
      .replace(quotedMember, `$1${redacted}`)
      .replace(assignment, `$1${redacted}`)
      .replace(yamlMember, `$1${redacted}`);
  };
}
