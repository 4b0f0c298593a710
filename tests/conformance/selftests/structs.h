// The kernel's old verifier tests (arrays of struct bpf_test), as `structs` writes them: replayed through the
// verifier's Sys and, if asked, through the running kernel.
#pragma once

namespace skep::selftests {

// `verdicts --structs [FILE] [--live] [--list] [--require P]`, the words behind --structs; FILE is
// $SKEP_STRUCTS if it is not given. Prints how many verdicts agree and every one that does not. --live: the
// running kernel judges too, and its answer counts for the privileged loads. Exit code 1: less than P %
// agree; 77: FILE or the types are not there.
int run_structs(int count, char** words);

}  // namespace skep::selftests
