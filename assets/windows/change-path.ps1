# change-path.ps1 add|remove FOLDER: the machine's PATH, without doubles.
param([ValidateSet('add', 'remove')][string]$Verb, [string]$Folder)
$entries = @([Environment]::GetEnvironmentVariable('Path', 'Machine') -split ';' | Where-Object { $_ -ne '' -and $_ -ne $Folder })
if ($Verb -eq 'add') { $entries += $Folder }
[Environment]::SetEnvironmentVariable('Path', ($entries -join ';'), 'Machine')
