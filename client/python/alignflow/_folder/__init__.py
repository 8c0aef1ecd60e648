"""What a folder of images holds, by afctl's rules (docs/data.md), and whether every file of it can be used."""
