"""The model server beside other Python model servers."""
