"""The words of the house: types, ports and pure rules. Knows nothing of the other rooms."""
