//! What is refused before anybody is asked, and what a server's faults become.
