@echo off
"%~dp0..\node\node.exe" "%~dp0..\dist\cli.js" %*
