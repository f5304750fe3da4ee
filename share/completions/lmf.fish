# Completion of lmf and llamafactory-cli in fish. It asks the program itself, so that what is installed later is completed at once:
#   lmf completion fish | source
function __lmf_complete
    set -l before (commandline -opc)
    set -l current (commandline -ct)
    string unescape -- $current | read -l plain; and set current $plain
    set -l program (string replace -r '^~' $HOME -- $before[1])
    for line in ($program __complete -- $before[2..] "$current" 2>/dev/null)
        set -l fields (string split \t -- $line)
        switch $fields[1]
            case ':files' ':folders'
                set -l prefix $fields[2]
                set -l typed (string sub -s (math (string length -- "$prefix") + 1) -- "$current")
                for name in (__fish_complete_path "$typed" | string replace -r '\t.*' '')
                    if string match -q '*/' -- $name
                        echo $prefix$name
                    else if test $fields[1] = ':files'
                        if not set -q fields[3]
                            echo $prefix$name
                        else
                            for pattern in $fields[3..]
                                string match -q -- $pattern $name; and echo $prefix$name; and break
                            end
                        end
                    end
                end
            case '*'
                echo $line
        end
    end
end
for program in lmf llamafactory-cli
    complete -c $program -f -k -a '(__lmf_complete)'
end
