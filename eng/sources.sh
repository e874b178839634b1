# shellcheck shell=bash
# What `domicile` and `test` agree on: one line that changes when anything that the build reads changes.
# Names, sizes and times of files, so that a deleted file and an older version of one count too; a few milliseconds.
# bin/ and obj/ are what the build writes.
sources_digest() {
    (
        cd -- "$1"
        find src eng docs/data-inventory-changes.json Directory.Build.props Directory.Packages.props global.json .editorconfig \
            \( -name bin -o -name obj -o -name node_modules \) -prune -o -type f -printf '%p %s %T@\n' | LC_ALL=C sort | sha256sum
    )
}
