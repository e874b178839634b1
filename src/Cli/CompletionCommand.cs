using System.CommandLine;

namespace Domicile.Cli;

/// <summary><c>domicile completion</c>: scripts that let a shell ask this program what may follow.</summary>
internal static class CompletionCommand
{
    /// <summary>The line is passed with the program's name as the parser knows it, however it was typed.</summary>
    private const string Bash = """
        _domicile_complete() {
            local typed=${COMP_WORDS[0]} word=${COMP_WORDS[COMP_CWORD]}
            local line="domicile${COMP_LINE:${#typed}}"
            local position=$((COMP_POINT - ${#typed} + 8)) IFS=$'\n'
            COMPREPLY=($(compgen -W "$("$typed" "[suggest:$position]" "$line" 2>/dev/null)" -- "$word"))
        }
        complete -o default -F _domicile_complete domicile ./domicile
        """;

    private const string Zsh = """
        #compdef domicile
        _domicile() {
            local typed=${words[1]} line="domicile${BUFFER#*${words[1]}}"
            local position=$((${#line} - ${#BUFFER} + CURSOR))
            local -a found=("${(@f)$($typed "[suggest:$position]" "$line" 2>/dev/null)}")
            (( ${#found} )) && compadd -- $found || _files
        }
        compdef _domicile domicile
        """;

    /// <summary>The command.</summary>
    public static Command Describe(Terminal terminal)
    {
        var shell = new Argument<string>("bash|zsh") { Description = "The shell" };
        shell.AcceptOnlyFromAmong("bash", "zsh");
        var verb = new Verb(
            "completion",
            "Prints a script that completes commands and options in a shell.",
            "completion bash >> ~/.bashrc")
        {
            shell,
        };
        verb.SetAction(parsed => terminal.Output.WriteLine(parsed.GetRequiredValue(shell) == "bash" ? Bash : Zsh));
        return verb;
    }
}
