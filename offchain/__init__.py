"""The oracle's side: data, experts, gate, contribution, validation and storage."""
