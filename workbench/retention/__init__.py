"""What is deleted, collected and erased: of jobs, of files, of everything that came of them."""
