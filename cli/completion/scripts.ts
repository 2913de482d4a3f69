import type { CompletionShell } from '../commands/names.ts';

/** Scripts that ask `telepresence __complete` for candidates: a line each, with a description after a tab. */
export const completionScripts: Readonly<Record<CompletionShell, string>> = {
  bash: `# telepresence completion for bash
_telepresence() {
  local line words=("\${COMP_WORDS[@]:1:COMP_CWORD}")
  # The shell splits at "=", the command does not.
  local typed="\${COMP_LINE:0:COMP_POINT}"
  local current="\${typed##* }" prefix=""
  if [[ $current == *=* ]]; then
    prefix="\${current%%=*}="
    words=(\${typed#* })
  fi
  COMPREPLY=()
  while IFS=$'\\t' read -r line _; do
    [[ -n $line ]] && COMPREPLY+=("\${line#"$prefix"}")
  done < <("\${COMP_WORDS[0]}" __complete -- "\${words[@]}" 2>/dev/null)
}
complete -o default -F _telepresence telepresence
`,
  zsh: `#compdef telepresence
_telepresence() {
  local line
  local -a candidates
  while IFS= read -r line; do
    line=\${line//:/\\\\:}
    candidates+=("\${line/$'\\t'/:}")
  done < <("\${words[1]}" __complete -- "\${(@)words[2,CURRENT]}" 2>/dev/null)
  if (( \${#candidates} )); then
    _describe telepresence candidates
  else
    _files
  fi
}
if [[ \${funcstack[1]} == _telepresence ]]; then
  _telepresence "$@"
else
  compdef _telepresence telepresence
fi
`,
  fish: `# telepresence completion for fish
function __telepresence_complete
  set -l words (commandline -opc)
  set -l current (commandline -ct)
  command $words[1] __complete -- $words[2..-1] "$current" 2>/dev/null
end
complete -c telepresence -e
complete -c telepresence -a '(__telepresence_complete)'
`,
  powershell: `# telepresence completion for PowerShell
Register-ArgumentCompleter -Native -CommandName telepresence -ScriptBlock {
  param($wordToComplete, $commandAst, $cursorPosition)
  $words = @($commandAst.CommandElements | Select-Object -Skip 1 | Where-Object { $_.Extent.EndOffset -lt $cursorPosition } | ForEach-Object { $_.ToString() })
  & $commandAst.CommandElements[0].ToString() __complete -- @words "$wordToComplete" 2>$null | ForEach-Object {
    $value, $description = $_ -split "\`t", 2
    if (-not $description) { $description = $value }
    [System.Management.Automation.CompletionResult]::new($value, $value, 'ParameterValue', $description)
  }
}
`,
};
