# Prints what zsh offers for a line, one a row: $1 is the folder with _usher, and $2 the line. A zsh
# with a terminal of its own completes it; its compadd prints the words instead of showing them.
# The terminal shows what is typed, too, so no marker is typed as it is printed.
zmodload zsh/zpty
zpty -b shell zsh -f -i
zpty -w shell 'PS1=; unsetopt zle_bracketed_paste 2>/dev/null; stty -echo; fpath=('${(q)1}' $fpath); autoload -Uz compinit; compinit -u -D'
zpty -w shell 'compadd() { local -a all; builtin compadd -O all "$@"; (( $#all )) && print -rl -- "<""<"$^IPREFIX$^all">"">"; builtin compadd "$@" }'
zpty -w shell 'zstyle ":completion:*" list-grouped false; bindkey "^I" complete-word; finish() { print -r -- "<""<END>"">" }; zle -N finish; bindkey "^Xd" finish; print RE""ADY'
until zpty -r -m shell out '*READY*'; do sleep 0.1; done
# The second key is read after the completion is over.
zpty -n -w shell $2$'\t'$'\x18d'
local row all=
until [[ $all == *'<<END>>'* ]]; do
    zpty -r shell row
    all+=$row
done
print -rl -- ${${(M)${(f)all//$'\r'/}:#*<<*>>*}//(*<<|>>*)/} | grep -vx END | sort -u
zpty -d shell
