"""The page that runs: Python in the reader's browser, cell by cell.

==============  ===================================================================================
``kernel.py``   what runs a page's cells, judges its answers and draws its sliders' frames
``worker.js``   starts Python (Pyodide) in a worker of the browser, and hands jobs to the kernel
``frame.html``  the page of that worker: what it may load and whom it may ask
``live.js``     the button "Run this page here", the cells and their editors
``outputs.js``  what a cell shows, and sliders that follow a function that was run anew
``answers.js``  the boxes of the exercises: checked, kept, cleared, downloaded
``files.json``  the version of Pyodide, and the sha256 of all that is loaded of it
==============  ===================================================================================

Nothing of it is imported by the library.  ``book/_ext/spinlive.py`` brings it into the built book.
"""
