; Added to the installer: the command line on PATH, and the helper's task. PowerShell, for NSIS would cut a long PATH off.
!macro changePath VERB
  nsExec::ExecToLog '"$SYSDIR\WindowsPowerShell\v1.0\powershell.exe" -NoProfile -ExecutionPolicy Bypass -File "$INSTDIR\resources\product\service\change-path.ps1" ${VERB} "$INSTDIR\resources\product\bin"'
!macroend

!macro customInstall
  !insertmacro changePath add
  nsExec::ExecToLog '"$SYSDIR\schtasks.exe" /create /f /tn "Telepresence\Helper" /xml "$INSTDIR\resources\product\service\helper-service.xml"'
!macroend

!macro customUnInstall
  !insertmacro changePath remove
  nsExec::ExecToLog '"$SYSDIR\schtasks.exe" /delete /f /tn "Telepresence\Helper"'
!macroend
