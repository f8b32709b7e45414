# Completes usher in PowerShell.

Register-ArgumentCompleter -Native -CommandName usher, usher.exe -ScriptBlock {
    param($wordToComplete, $commandAst, $cursorPosition)
    # PowerShell drops empty arguments, so the command gets all but the last word with a mark after it.
    $words = @($commandAst.CommandElements | Where-Object { $_.Extent.EndOffset -lt $cursorPosition } | ForEach-Object { $_.Extent.Text })
    $program, $before = $words
    $reply = @(& $program complete "--last=$wordToComplete" -- $before 2>$null)
    if ($reply[0] -eq 'files' -or $reply[0] -eq 'folders') { return } # PowerShell completes paths by itself
    foreach ($line in $reply | Select-Object -Skip 1) {
        $value, $description = $line -split "`t", 2
        if (-not $description) { $description = $value }
        [System.Management.Automation.CompletionResult]::new($value, $value, 'ParameterValue', $description)
    }
}
