import { mkdirSync, writeFileSync } from 'node:fs';
import { basename, join } from 'node:path';

export interface ShellStart {
  readonly file: string;
  readonly args: readonly string[];
  readonly env: Readonly<Record<string, string>>;
}

/**
 * An interactive shell whose prompt begins with the badge. The files that say so lie in `directory` and read the user's own first; nothing
 * of the user's is changed. Shells other than bash and zsh start without a badge.
 */
export function badgedShell(
  shell: string,
  badge: string,
  directory: string,
  env: Readonly<Record<string, string | undefined>>,
): ShellStart {
  // Prompts are expanded: nothing in a badge may mean anything to a shell.
  const safe = badge.replace(/[^a-zA-Z0-9._/:@-]/g, '_');
  switch (basename(shell)) {
    case 'bash': {
      const file = join(directory, 'bashrc');
      writeFileSync(file, bashStart(safe), { mode: 0o600 });
      return { file: shell, args: ['--rcfile', file, '-i'], env: {} };
    }
    case 'zsh': {
      const startFiles = join(directory, 'zsh');
      mkdirSync(startFiles, { recursive: true, mode: 0o700 });
      for (const name of ['.zshenv', '.zshrc']) {
        writeFileSync(join(startFiles, name), zshStart(name, safe), { mode: 0o600 });
      }
      const own = env['ZDOTDIR'] ?? env['HOME'] ?? '';
      return {
        file: shell,
        args: ['-i'],
        env: { ZDOTDIR: startFiles, TELEPRESENCE_ZDOTDIR: own, TELEPRESENCE_ZSTART: startFiles },
      };
    }
    default:
      return { file: shell, args: ['-i'], env: {} };
  }
}

/** The prompt is looked at each time, since some tools make a new one each time. */
function bashStart(badge: string): string {
  return `for __telepresence_file in /etc/bash.bashrc /etc/bashrc ~/.bashrc; do
  [ -r "$__telepresence_file" ] && . "$__telepresence_file"
done
unset __telepresence_file
__telepresence_badge() {
  local status=$?
  case $PS1 in *'[${badge}]'*) ;; *) PS1='\\[\\e[36m\\][${badge}]\\[\\e[0m\\] '"$PS1" ;; esac
  return $status
}
if [[ $(declare -p PROMPT_COMMAND 2>/dev/null) == 'declare -a'* ]]; then
  PROMPT_COMMAND+=(__telepresence_badge)
else
  PROMPT_COMMAND="\${PROMPT_COMMAND:+$PROMPT_COMMAND
}__telepresence_badge"
fi
`;
}

/** zsh finds its start files by ZDOTDIR: the user's is set while one of the user's is read, and for good in the end. */
function zshStart(name: string, badge: string): string {
  const read = `ZDOTDIR="$TELEPRESENCE_ZDOTDIR"
[[ -r "$ZDOTDIR/${name}" ]] && . "$ZDOTDIR/${name}"
`;
  if (name === '.zshenv') return `${read}TELEPRESENCE_ZDOTDIR="$ZDOTDIR"\nZDOTDIR="$TELEPRESENCE_ZSTART"\n`;
  return `${read}unset TELEPRESENCE_ZDOTDIR TELEPRESENCE_ZSTART
__telepresence_badge() {
  [[ $PROMPT == *'[${badge}]'* ]] || PROMPT='%F{cyan}[${badge}]%f '"$PROMPT"
}
precmd_functions+=(__telepresence_badge)
`;
}
