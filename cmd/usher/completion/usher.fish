# Completes usher in fish.

function __usher_complete
    set -l before (commandline -opc)
    set -l token (commandline -ct)
    set -l reply ($before[1] complete -- $before[2..-1] "$token" 2>/dev/null)
    switch "$reply[1]"
        case files folders
            set -l option (string match -r -- '^--[^=]*=' "$token")
            set -l path (string replace -r -- '^--[^=]*=' '' "$token")
            if test "$reply[1]" = files
                __fish_complete_path "$path" | string replace -r -- '^' "$option"
            else
                __fish_complete_directories "$path" | string replace -r -- '^' "$option"
            end
        case '*'
            printf '%s\n' $reply[2..-1]
    end
end

complete -c usher -f -a '(__usher_complete)'
