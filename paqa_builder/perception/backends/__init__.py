"""Backends: perception models behind the interfaces of their stages."""
