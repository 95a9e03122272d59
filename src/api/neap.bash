# Completion of the command neap for bash.

_neap() {
  local word=${COMP_WORDS[COMP_CWORD]} before=${COMP_WORDS[COMP_CWORD - 1]} i
  COMPREPLY=()
  if [ "${COMP_WORDS[1]}" = compile ] && [ "$COMP_CWORD" -gt 1 ]; then
    case $before in
      --include) return ;;
    esac
    case $word in
      -*) mapfile -t COMPREPLY < <(compgen -W "-o --include --strip --help" -- "$word") ;;
      *) mapfile -t COMPREPLY < <(compgen -f -- "$word") ;;
    esac
    return
  fi
  case $before in
    -e | -l | --memory-limit | --time-limit) return ;;
  esac
  for ((i = 1; i < COMP_CWORD; i++)); do # behind the script: its arguments
    case ${COMP_WORDS[i]} in
      -e | -l | --memory-limit | --time-limit) i=$((i + 1)) ;;
      -?*) ;;
      *)
        mapfile -t COMPREPLY < <(compgen -f -- "$word")
        return
        ;;
    esac
  done
  case $word in
    -*)
      mapfile -t COMPREPLY < <(compgen -W "-e -i -l -v -E -W --debug --watch \
        --memory-limit --time-limit --preempt --help" -- "$word")
      ;;
    *)
      mapfile -t COMPREPLY < <(compgen -f -X '!*.lua' -- "$word"; compgen -d -- "$word")
      [ "$COMP_CWORD" -gt 1 ] || mapfile -t -O "${#COMPREPLY[@]}" COMPREPLY < <(compgen -W compile -- "$word")
      ;;
  esac
}
complete -o filenames -F _neap neap
