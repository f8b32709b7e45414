# Completes usher in bash.

_usher() {
    # Bash ends words at = and : as well, and the command does not.
    local line=${COMP_LINE:0:COMP_POINT} words word reply kind before
    read -ra words <<<"$line"
    case $line in *[[:space:]]) words+=('') ;; esac
    word=${words[${#words[@]} - 1]}
    mapfile -t reply < <("${words[0]}" complete -- "${words[@]:1}" 2>/dev/null)
    kind=${reply[0]}
    reply=("${reply[@]:1}")
    reply=("${reply[@]%%$'\t'*}")
    case $kind in
    files | folders)
        compopt -o filenames 2>/dev/null
        if [ "$kind" = files ]; then
            mapfile -t reply < <(compgen -f -- "${word#--*=}")
        else
            mapfile -t reply < <(compgen -d -- "${word#--*=}")
        fi
        before=
        ;;
    *)
        # What bash has taken for earlier words stays on the line.
        before=${word%"${word##*[=:]}"}
        [ ${#reply[@]} -ne 1 ] || [ "${reply[0]%=}" = "${reply[0]}" ] || compopt -o nospace 2>/dev/null
        ;;
    esac
    COMPREPLY=("${reply[@]#"$before"}")
}

complete -F _usher usher
