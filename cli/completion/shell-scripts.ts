/**
 * Completion scripts. They know nothing of the commands: each asks `orbitmq __complete`, which answers from the command tree
 * itself with a line `word<TAB>description` for each candidate, so that they never go stale.
 */
export const SHELLS = ['bash', 'zsh', 'fish'] as const;
export type Shell = (typeof SHELLS)[number];

const SCRIPTS: Readonly<Record<Shell, string>> = {
  bash: `# orbitmq completion bash > /etc/bash_completion.d/orbitmq
_orbitmq() {
  local IFS=$'\\n'
  COMPREPLY=($(orbitmq __complete "\${COMP_WORDS[@]:1:COMP_CWORD}" 2>/dev/null | cut -f1))
  if [ \${#COMPREPLY[@]} -eq 0 ]; then
    COMPREPLY=($(compgen -f -- "\${COMP_WORDS[COMP_CWORD]}"))
  fi
}
complete -o filenames -F _orbitmq orbitmq
`,
  zsh: `#compdef orbitmq
# orbitmq completion zsh > "\${fpath[1]}/_orbitmq"
_orbitmq() {
  local -a found
  local line
  while IFS=$'\\t' read -r word description; do
    found+=("\${word//:/\\\\:}:\${description}")
  done < <(orbitmq __complete "\${(@)words[2,$CURRENT]}" 2>/dev/null)
  if (( \${#found} )); then
    _describe 'orbitmq' found
  else
    _files
  fi
}
if [ "$funcstack[1]" = "_orbitmq" ]; then
  _orbitmq "$@"
else
  compdef _orbitmq orbitmq
fi
`,
  fish: `# orbitmq completion fish > ~/.config/fish/completions/orbitmq.fish
function __orbitmq_complete
  set -l words (commandline -opc) (commandline -ct)
  orbitmq __complete $words[2..-1] 2>/dev/null
end
complete -c orbitmq -f -a '(__orbitmq_complete)'
`,
};

export function shellScript(shell: Shell): string {
  return SCRIPTS[shell];
}
