// npm start: the window is not there yet; the command line does everything that there is.
console.log('The app is not available yet. The command line is: bin/telepresence --help');
