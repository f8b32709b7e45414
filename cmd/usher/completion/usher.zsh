#compdef usher

# Completes usher in zsh.

_usher() {
    local -a reply found joined
    local line kind
    reply=("${(@f)$("${words[1]}" complete -- "${(@)words[2,CURRENT]}" 2>/dev/null)}")
    kind=${reply[1]}
    case $kind in
    files | folders)
        compset -P '--*='
        if [[ $kind == folders ]]; then _files -/; else _files; fi
        return
        ;;
    esac
    for line in "${(@)reply[2,-1]}"; do
        # _describe takes what follows a colon for the description.
        line=${line//:/\\:}
        line=${line/$'\t'/:}
        if [[ ${line%%:*} == *= ]]; then joined+=("$line"); else found+=("$line"); fi
    done
    _describe -V usher found -- joined -S ''
}

if [ "$funcstack[1]" = _usher ]; then _usher; else compdef _usher usher; fi
