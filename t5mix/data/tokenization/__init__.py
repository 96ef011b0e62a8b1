"""From a source's examples to token ids, as Arrow record batches."""
